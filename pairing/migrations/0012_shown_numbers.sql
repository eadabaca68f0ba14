-- A number that an application shows and the holder types on the phone before the phone's yes counts (docs/decisions/0054).
-- `numbered` names what the number follows from, under a key of the gateways: the number itself is in no table. `still`:
-- the link has a QR code after all, which stays the same while it lives and which the application draws.
ALTER TABLE pairing.links
    ADD COLUMN numbered text CHECK (length(numbered) = 43),
    ADD COLUMN number_typed boolean NOT NULL DEFAULT false,
    ADD COLUMN still boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT only_applications_show_numbers CHECK (numbered IS NULL OR called),
    ADD CONSTRAINT a_still_code_wants_the_number CHECK (NOT still OR numbered IS NOT NULL),
    ADD CONSTRAINT no_yes_without_the_number CHECK (
        numbered IS NULL OR number_typed OR state NOT IN ('approved', 'associated'));
