/** A module with nothing in it: the first one that a worker imports is the slowest, and a generic pod imports this one before its function. */
export {};
