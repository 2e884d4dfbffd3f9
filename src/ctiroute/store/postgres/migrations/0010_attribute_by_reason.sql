-- oldest: 1
-- An operator who finds out what a call was about after it has ended has it attributed anew.
CREATE TRIGGER attribute_confirmed_call AFTER INSERT ON confirmed_reasons FOR EACH ROW EXECUTE FUNCTION note_noted_call();
CREATE TRIGGER attribute_confirmed_again AFTER UPDATE ON confirmed_reasons
    FOR EACH ROW WHEN (OLD.noted_at <> NEW.noted_at) EXECUTE FUNCTION note_noted_call();
