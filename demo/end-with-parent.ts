/** Loaded into the demo's children before everything else: a child whose parent was killed ends as by Ctrl-C, and leaves nothing behind. */
process.on('disconnect', end);
// The parent may have been killed before anybody listened.
if (!process.connected) end();
// Listening must not keep a child alive that has nothing else to do.
process.channel?.unref();

function end(): void {
  process.kill(process.pid, 'SIGINT');
}

export {};
