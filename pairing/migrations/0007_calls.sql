-- A link whose phone was rung instead of shown a code: it asks which holder is there, for a program without a page. It has
-- no frames and no check code; only such a link is answered without one.
ALTER TABLE pairing.links ADD COLUMN called boolean NOT NULL DEFAULT false,
    ADD CHECK (NOT called OR purpose = 'identify');
