"""The loss mask, made visible: which tokens of a conversation a model learns from.

    Mask(messages, tokenizer)     in a notebook: coloured; print(…): the labelled parts between ⟦ and ⟧
"""

import html

from lib import train

INK, PAPER = "#00324d", "#9fd3f2"  # contrast 8.6 : 1; the mark stays visible where colours are stripped


class Mask:
    """`print(Mask([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], tokenizer))` →
    <|im_start|>user … <|im_start|>assistant⏎ ⟦Hello<|im_end|>⟧

    `pieces` is a list of (text, labelled); a letter that takes several tokens is one piece. `share` is the part
    of the tokens that is labelled. Raises what train.tokenize_chat raises.
    """

    def __init__(self, messages: list[dict], tokenizer):
        ids, labels = train.tokenize_chat(messages, tokenizer)
        self.tokens, self.labelled = len(ids), sum(label != -100 for label in labels)
        self.share = self.labelled / self.tokens
        self.pieces, part = [], []
        for token, label in zip(ids, labels, strict=True):
            part.append(token)
            text = tokenizer.decode(part)
            if "\ufffd" not in text or len(part) == 8:  # a Russian letter or an emoji may be split over tokens
                self.pieces.append((text, label != -100))
                part = []
        if part:
            self.pieces.append((tokenizer.decode(part), labels[-1] != -100))

    def __str__(self) -> str:
        text, inside = "", False
        for piece, labelled in self.pieces:
            text += ("⟦" if labelled else "⟧") * (labelled != inside) + piece
            inside = labelled
        return text + "⟧" * inside

    def _repr_html_(self) -> str:
        spans = []
        for piece, labelled in self.pieces:
            shown = html.escape(piece).replace("\n", "⏎\n").replace(" ", "·")
            style = f' style="background:{PAPER};color:{INK}"' if labelled else ' style="border-bottom:1px dotted #999"'
            spans.append(f"<mark{style}>{shown}</mark>" if labelled else f"<span{style}>{shown}</span>")
        caption = f"{self.labelled} of {self.tokens} tokens labelled ({self.share:.0%}): the marked ones"
        return (f'<pre style="white-space:pre-wrap;line-height:1.7">{"".join(spans)}</pre>'
                f"<p><small>{caption}</small></p>")

    def __repr__(self) -> str:
        return f"{self}\n{self.labelled} of {self.tokens} tokens labelled ({self.share:.0%})"
