"""The operator's page: `linkid desk`, in a browser on the operator's own machine.

``server`` is the listener and who may use it, ``pages`` what stands there, in which ``words``, ``page/`` the template
and its style. It is a process of its own: it stands on no listener of the gateway, and no public route leads to it.
"""
