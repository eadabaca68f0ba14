"""Pure rules shared by the gateway's side, the AC and the operator's command; no I/O, time as an argument."""
