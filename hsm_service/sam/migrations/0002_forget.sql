-- What an activation sealed is of no use once it is over, and opens for whoever finds the caller's secret later.
-- It is then taken out of the row; the row itself stays, as evidence of when it ended.
GRANT UPDATE (sealed) ON sam.activations TO linkid_sam;
CREATE INDEX activations_to_forget ON sam.activations (until) WHERE sealed <> '';
