-- `code.repeat_until` tells to the second when a person claimed. The purge deletes it as soon as it no longer matters; this finds it.

CREATE INDEX code_by_repeat_until ON code (repeat_until) WHERE repeat_until IS NOT NULL;
