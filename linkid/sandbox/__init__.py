"""`linkid sandbox`: a development server with people in it, for whoever writes an application.

The people are `sandbox_phone` programs with real keys and real passwords, each a process of its own; what they do
differently (approve, refuse, say nothing, mistype) they do on their side of the wire. Nothing of the server knows them.

`people.py` is who they are and how one comes to a certificate and a phone; `kit.py` is what a newcomer is given, and
the files that keep it between two runs; `making.py` makes what is missing; `operator.py` lets in what is registered;
`children.py` is the table of processes.
"""
