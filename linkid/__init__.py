"""The roof: the one command, the settings assembled, the slices wired into processes. Only it knows everybody.

First files to open: `__main__` (the commands), `serve` (which processes there are), `supervisor` (what keeps them up;
`processes` is what a parent owes its children, `environment` what it hands them).

* The gateway: `gateway` (its process), `slices` (a file each: made, mounted), `joins` (what they need of one another),
  `sams` (how the SAMs are), `apidocs` (the public API, described), `dialects` (what owners are told of them).
* The other processes' settings: `activation` (SAM), `authority` (AC), `operators` (commands); all from `settings`.
* The keys in the tokens: `house` (`linkid hsm`).
* The auditor's questions: `auditing` (`linkid audit`); an operator's about a holder: `operator_view` (`linkid holder`),
  and a page of it on the operator's machine: `desk`.
* A newcomer's people and papers: `sandbox` (`linkid sandbox`).
* This machine: `places`, `platform` (programs), `postgres` and `schema` (the database), `trust`, `lan`, `running`,
  `profiling` (where the time goes, in development).
"""
