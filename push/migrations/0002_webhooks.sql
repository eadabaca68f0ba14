-- Events for applications travel in the same outbox.
ALTER TABLE push.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('sms', 'email', 'doorbell', 'webhook'));
