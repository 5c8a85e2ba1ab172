-- How sure a turn's intent was: what was asked before counts for the next question only when it was.
ALTER TABLE turns ADD COLUMN intent_confidence double precision;
