/** Everything that the command itself can fail with: code → what it means. Codes of the server and of the manifest stand in their own tables. */
export const failureCodes = {
  FAAS_USAGE: 'The command line cannot be understood. The exit code is 2.',
  FAAS_NO_SERVER: 'No server runs on the data folder, or it has ended.',
  FAAS_SERVER_FILE: 'The `server.json` in the data folder is not what a server writes.',
  FAAS_SERVER_ADDRESS: '`--server` is not an address.',
  FAAS_NO_TOKEN: 'The token in the data folder cannot be read.',
  FAAS_TOKEN: 'The server does not accept the token.',
  FAAS_TIMEOUT: 'The server did not answer in time.',
  FAAS_CONNECTION: 'The connection to the server broke.',
  FAAS_NOT_A_SERVER: 'Something else answers at the address of the server.',
  FAAS_SETTINGS: 'Several settings are wrong.',
  FAAS_NO_MANIFEST: 'The manifest cannot be read.',
  FAAS_PROBLEMS: 'The manifest or the handlers have several problems; each is listed with its own code.',
  FAAS_BUNDLE_SYNTAX: 'A handler, or a file that it imports, is not valid TypeScript or JavaScript.',
  FAAS_BUNDLE_IMPORT: 'An import cannot be found, or may not be in a function.',
  FAAS_BUNDLE_EXPORT: 'A handler exports neither `default` nor `batch`, or both.',
  FAAS_BUNDLE_NATIVE: 'A handler imports a native add-on.',
  FAAS_BUNDLE_SCHEMA: 'The JSON Schema of a stream cannot be compiled.',
  FAAS_BUNDLE_TOO_LARGE: 'A bundle is larger than 50 MiB.',
  FAAS_PAYLOAD: 'The file of a payload cannot be read.',
  FAAS_EMIT_FILE: 'The file with events cannot be read.',
  FAAS_EMIT_BAD_LINES: 'Lines of the file are no events, or break the schema of the stream.',
  FAAS_SECRET_UNKNOWN: 'No function names the secret.',
  FAAS_INIT_FOLDER: 'The folder for a new project is not empty, or cannot be used.',
} as const satisfies Record<string, string>;

export type FailureCode = keyof typeof failureCodes;
