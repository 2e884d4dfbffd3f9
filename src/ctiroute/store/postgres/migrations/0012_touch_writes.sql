-- oldest: 1
-- A number for each time touches are written. An import looks for the touches of its next batch while the one before is being written;
-- what it found holds if nobody else has written any in between, and these numbers say so. Programs that know nothing of it count, too.
CREATE SEQUENCE touch_writes;
GRANT USAGE ON SEQUENCE touch_writes TO PUBLIC;
CREATE FUNCTION count_touch_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('touch_writes');
    RETURN NULL;
END $$;
CREATE TRIGGER count_write BEFORE INSERT ON touches FOR EACH STATEMENT EXECUTE FUNCTION count_touch_write();
