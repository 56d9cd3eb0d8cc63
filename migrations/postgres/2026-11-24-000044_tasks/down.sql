DROP TABLE tasks;
DROP FUNCTION tasks_only_forward;
