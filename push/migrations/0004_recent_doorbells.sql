-- What began to ring lately and still does: gateways look at it every three seconds, whichever phones they hold.
CREATE INDEX doorbells_recent ON push.doorbells (created_at) WHERE settled_at IS NULL;
