import runtime from 'faas-js-runtime';

/** The same as handlers/echo.ts. The port is the first argument. */
await runtime.start((_context, body) => body, { port: Number(process.argv[2]), logLevel: 'silent' });
