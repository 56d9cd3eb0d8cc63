-- The trace in which a message came about (W3C Trace Context), so that its delivery goes on with it.
-- NULL where no traces are kept. It names nobody.
ALTER TABLE outbox ADD COLUMN traceparent TEXT COLLATE "C"
    CHECK (traceparent IS NULL OR length(traceparent) = 55);
