DROP INDEX lots_owing;
