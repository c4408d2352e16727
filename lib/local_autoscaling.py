"""What moto leaves out of Application Auto Scaling: somebody who reads the metric and changes the number of servers.

    scaler = Autoscaler(cloud, period_seconds=0.5).start()     # AWS looks once a minute; here a minute is half a second
    …
    scaler.stop()
    scaler.history      → [{"seconds": 0.5, "backlog": 12, "wanted": 2, "ready": 1}, …]

The target and the policy are those that you have registered (`register_scalable_target`, `put_scaling_policy`), read
back at every look; the change goes through UpdateEndpointWeightsAndCapacities. Target tracking on the backlog for each
server (ApproximateBacklogSizePerInstance) of asynchronous endpoints.

Real: the metric, the decision, the processes. Simulated: the clock (periods and cooldowns are shortened by the same
factor), CloudWatch's alarms between metric and decision, and the step from zero, which on AWS needs a second policy
(HasBacklogWithoutCapacity).
"""

import math
import threading
import time

AWS_PERIOD_SECONDS = 60.0  # how often the metric is published on AWS


def desired(backlog: int, target: float, least: int, most: int) -> int:
    """`desired(backlog=12, target=4, least=0, most=3)` → 3: so many servers that each has `target` requests or fewer waiting.

    Target tracking multiplies the number of servers by metric ÷ target; with the backlog for each server as the metric
    the number of servers cancels out.
    """
    return min(max(math.ceil(backlog / target), least), most)


class Autoscaler:
    """Looks at every registered endpoint of the local cloud, in a thread of its own."""

    def __init__(self, cloud, period_seconds: float = 1.0):
        if cloud.where != "local":
            raise ValueError("on AWS the service itself evaluates your policy: an own evaluator would only disturb it.")
        self.server, self.period = cloud.server, period_seconds
        self.scaling, self.sagemaker = cloud.client("application-autoscaling"), cloud.client("sagemaker")
        self.history: list[dict] = []
        self.error: Exception | None = None
        self._changed: dict[str, float] = {}
        self._ended, self._began = threading.Event(), time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the thread. What went wrong in it is raised here."""
        self._ended.set()
        self._thread.join(30)
        if self.error:
            raise self.error

    def _watch(self) -> None:
        while not self._ended.wait(self.period):
            try:
                self.look()
            except Exception as error:
                self.error = error
                return

    def look(self) -> None:
        """One evaluation of every policy."""
        for policy in self.scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]:
            resource, rule = policy["ResourceId"], policy["TargetTrackingScalingPolicyConfiguration"]
            name = resource.split("/")[1]  # endpoint/<name>/variant/<variant>
            limits = self.scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])["ScalableTargets"][0]
            endpoint = self.server.endpoints.get(name)
            if endpoint is None or endpoint.status != "InService":
                continue
            size, backlog = endpoint.fleet.wanted, endpoint.backlog()
            wanted = desired(backlog, rule["TargetValue"], limits["MinCapacity"], limits["MaxCapacity"])
            cooldown = rule.get("ScaleOutCooldown" if wanted > size else "ScaleInCooldown", 0) * self.period / AWS_PERIOD_SECONDS
            if wanted != size and time.monotonic() - self._changed.get(name, -math.inf) >= cooldown:
                self.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[
                    {"VariantName": resource.split("/")[3], "DesiredInstanceCount": wanted}])
                self._changed[name] = time.monotonic()
            ready = sum(replica.ready for replica in endpoint.fleet.replicas)
            self.history.append({"seconds": time.monotonic() - self._began, "backlog": backlog, "wanted": endpoint.fleet.wanted, "ready": ready})
