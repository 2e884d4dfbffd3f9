-- An operator who finds out what a call was about after it has ended has it attributed anew.
CREATE TRIGGER attribute_confirmed_call AFTER INSERT ON confirmed_reasons BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, NEW.noted_at) ON CONFLICT DO UPDATE SET due_at = excluded.due_at;
END;

CREATE TRIGGER attribute_confirmed_again AFTER UPDATE ON confirmed_reasons WHEN OLD.noted_at <> NEW.noted_at BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, NEW.noted_at) ON CONFLICT DO UPDATE SET due_at = excluded.due_at;
END;
