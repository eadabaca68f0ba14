-- Whether an application may draw a code that stays the same on a page of its own (docs/decisions/0054): an operator's word.
ALTER TABLE oauth.clients ADD COLUMN shows_codes boolean NOT NULL DEFAULT false;

GRANT UPDATE (shows_codes) ON oauth.clients TO linkid_gateway;
