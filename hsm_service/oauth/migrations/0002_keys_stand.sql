-- No query changes an integrator's keys: other keys are another integrator. A right that nobody uses is an attacker's.

REVOKE UPDATE (keys) ON oauth.clients FROM linkid_gateway;
