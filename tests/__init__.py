"""A package, so that `from tests import …` never finds the `tests` folder that some installed package leaves in site-packages."""
