/**
 * Modules of Node that take milliseconds to load, and are not needed before the thread that runs the function has been started: it starts up
 * while they load.
 */
export function http(): typeof import('node:http') {
  loadedHttp ??= process.getBuiltinModule('node:http');
  return loadedHttp;
}

export function crypto(): typeof import('node:crypto') {
  loadedCrypto ??= process.getBuiltinModule('node:crypto');
  return loadedCrypto;
}

let loadedHttp: typeof import('node:http') | undefined;
let loadedCrypto: typeof import('node:crypto') | undefined;
