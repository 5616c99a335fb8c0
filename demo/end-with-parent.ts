/** Loaded into the demo's children before everything else: a child whose parent was killed ends as by Ctrl-C, and leaves nothing behind. */
process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
// Listening must not keep a child alive that has nothing else to do.
process.channel?.unref();

export {};
