"""The control plane of deployment: models, configurations and endpoints by name, and the road of a request to them.

Mixed into lib.local_sagemaker.Server; what an endpoint is and does is in lib.local_endpoints.
"""

import json
import struct
import tarfile
import uuid
import zlib

from lib import local_jobs
from lib.local_endpoints import MOST_SERVERS, Endpoint, EndpointError, Fleet


class Refused(Exception):
    """What the control plane answers with status 400: `Refused("ValidationException", "…")`."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


class Deployments:
    """Needs from the server: `folder`, `python`, `_own_clients`, `_check_role`."""

    def __init__(self):
        self.models, self.configs, self.endpoints = {}, {}, {}

    def create_model(self, request: dict) -> dict:
        self._check_role(request["ExecutionRoleArn"])
        return self._keep(self.models, "model", request["ModelName"], request)

    def create_endpoint_config(self, request: dict) -> dict:
        for variant in request["ProductionVariants"]:
            self._found(self.models, variant["ModelName"], "model")
        return self._keep(self.configs, "endpoint-config", request["EndpointConfigName"], request)

    def create_endpoint(self, request: dict) -> dict:
        config = self._found(self.configs, request["EndpointConfigName"], "endpoint configuration")
        name = request["EndpointName"]
        self._listen_for_streams()
        answer = self._keep(self.endpoints, "endpoint", name, None)
        try:
            self.endpoints[name] = Endpoint(name, self._fleet(name, config), config, self._own_clients["s3"])
        except BaseException:
            del self.endpoints[name]
            raise
        return answer

    def update_endpoint(self, request: dict) -> dict:
        endpoint = self._found(self.endpoints, request["EndpointName"], "endpoint")
        config = self._found(self.configs, request["EndpointConfigName"], "endpoint configuration")
        endpoint.update(self._fleet(endpoint.name, config), config)
        return {"EndpointArn": local_jobs.arn(endpoint.name, "endpoint")}

    def update_endpoint_weights_and_capacities(self, request: dict) -> dict:
        endpoint = self._found(self.endpoints, request["EndpointName"], "endpoint")
        size = request["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"]
        if not 0 <= size <= MOST_SERVERS or size == 0 and not endpoint.asynchronous:
            raise Refused("ValidationException", f"DesiredInstanceCount {size}: from {0 if endpoint.asynchronous else 1} to {MOST_SERVERS} on this machine.")
        endpoint.fleet.resize(size)
        return {"EndpointArn": local_jobs.arn(endpoint.name, "endpoint")}

    def describe_endpoint(self, request: dict) -> dict:
        return self._found(self.endpoints, request["EndpointName"], "endpoint").describe()

    def list_endpoints(self, request: dict) -> dict:
        keys = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        return {"Endpoints": [{k: d[k] for k in keys} for d in (e.describe() for e in self.endpoints.values())]}

    def delete_endpoint(self, request: dict) -> dict:
        self._found(self.endpoints, request["EndpointName"], "endpoint").close()
        del self.endpoints[request["EndpointName"]]
        return {}

    def delete_endpoint_config(self, request: dict) -> dict:
        del self.configs[self._found(self.configs, request["EndpointConfigName"], "endpoint configuration")["EndpointConfigName"]]
        return {}

    def delete_model(self, request: dict) -> dict:
        del self.models[self._found(self.models, request["ModelName"], "model")["ModelName"]]
        return {}

    def invoke(self, environ, path: str, headers: dict) -> tuple[int, bytes, list]:
        """One request to /endpoints/<name>/invocations or …/async-invocations → (status, body, headers)."""
        _, _, name, way = path.split("/", 3)
        try:
            endpoint = self._found(self.endpoints, name, "endpoint")
            content_type = environ.get("CONTENT_TYPE") or "application/octet-stream"
            if way == "async-invocations":
                content_type = headers.get("X-AMZN-SAGEMAKER-CONTENT-TYPE", content_type)  # the object's type; the request itself has no body
                identifier, answer, failure = endpoint.accept(headers["X-AMZN-SAGEMAKER-INPUTLOCATION"], content_type)
                return 202, json.dumps({"InferenceId": identifier}).encode(), [("X-Amzn-SageMaker-OutputLocation", answer), ("X-Amzn-SageMaker-FailureLocation", failure)]
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            answer, kind = endpoint.invoke(body, content_type)
            return 200, answer, [("Content-Type", kind), ("x-Amzn-Invoked-Production-Variant", "AllTraffic")]
        except (EndpointError, Refused) as error:
            return _refusal(error)

    def _listen_for_streams(self) -> None:
        """Puts `invoke_stream` before the other requests of the server (WSGI middleware); nothing happens the second time."""
        others = self._http.app
        if getattr(others, "streams", False):
            return

        def answer(environ, start_response):
            path = environ.get("PATH_INFO", "")
            return self.invoke_stream(environ, path, start_response) if path.endswith("/invocations-response-stream") else others(environ, start_response)

        answer.streams = True
        self._http.app = answer

    def invoke_stream(self, environ, path: str, start_response):
        """One request to /endpoints/<name>/invocations-response-stream: the pieces as events of AWS's binary event stream."""
        try:
            endpoint = self._found(self.endpoints, path.split("/")[2], "endpoint")
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            pieces = endpoint.stream(body, environ.get("CONTENT_TYPE") or "application/octet-stream")
            kind = next(pieces)
        except (EndpointError, Refused) as error:
            status, content, headers = _refusal(error)
            start_response(f"{status} Refused", [*headers, ("Content-Length", str(len(content)))])
            return [content]
        start_response("200 OK", [("Content-Type", "application/vnd.amazon.eventstream"), ("X-Amzn-SageMaker-Content-Type", kind),
                                  ("x-Amzn-Invoked-Production-Variant", "AllTraffic")])
        return _events(pieces)

    def close_endpoints(self) -> None:
        for endpoint in list(self.endpoints.values()):
            if endpoint is not None:
                endpoint.close()

    # ------------------------------------------------------------------------------------------------ helpers
    def _fleet(self, name: str, config: dict) -> Fleet:
        variant = config["ProductionVariants"][0]
        container = self._found(self.models, variant["ModelName"], "model")["PrimaryContainer"]
        folder = self.folder / "endpoints" / f"{name}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        bucket, key = local_jobs.place(container["ModelDataUrl"])
        try:
            self._own_clients["s3"].download_file(bucket, key, str(folder / "model.tar.gz"))
            with tarfile.open(folder / "model.tar.gz") as archive:
                archive.extractall(folder / "model", filter="data")
        except Exception as error:
            raise Refused("ValidationException", f"Could not find or open model data at {container['ModelDataUrl']} ({type(error).__name__}).") from None
        return Fleet(folder / "model", container.get("Environment", {}), variant.get("InitialInstanceCount", 1), self.python)

    def _keep(self, shelf: dict, kind: str, name: str, request) -> dict:
        if name in shelf:
            raise Refused("ValidationException", f"Cannot create already existing {kind} {name}.")
        shelf[name] = request
        return {"".join(part.capitalize() for part in kind.split("-")) + "Arn": local_jobs.arn(name, kind)}

    def _found(self, shelf: dict, name: str, kind: str):
        if shelf.get(name) is None:
            raise Refused("ValidationException", f"Could not find {kind} {name}.")
        return shelf[name]


def _refusal(error) -> tuple[int, bytes, list]:
    status = {"ModelError": 424, "ServiceUnavailable": 503}.get(error.kind, 400)
    content = {"Message": str(error), "message": str(error), "OriginalStatusCode": getattr(error, "status", 0), "OriginalMessage": str(error)}
    return status, json.dumps(content).encode(), [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.kind.replace("Exception", "Error"))]


def _events(pieces):
    """Bytes → events; a failure midway becomes a last event, which boto3 raises as an error."""
    try:
        for piece in pieces:
            yield event({":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}, piece)
    except EndpointError as error:
        yield event({":message-type": "exception", ":exception-type": "ModelStreamError", ":content-type": "application/json"},
                    json.dumps({"Message": str(error), "ErrorCode": "StreamBroken"}).encode())
    finally:
        pieces.close()


def event(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of AWS's event stream: lengths, their CRC, headers (name, type 7 = text, value), payload, CRC of it all.

    Source: the encoding of Amazon Transcribe's and S3 Select's event streams, as botocore.eventstream reads it.
    """
    head = b"".join(struct.pack(">B", len(k)) + k.encode() + struct.pack(">BH", 7, len(v)) + v.encode() for k, v in headers.items())
    start = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = start + struct.pack(">I", zlib.crc32(start)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))
