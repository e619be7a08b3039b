"""The NetworkPolicies around a virtual cluster on the host, which follow from its configuration alone."""

from vgateway.syncer.kinds.isolation.kind import IsolationKind as IsolationKind
