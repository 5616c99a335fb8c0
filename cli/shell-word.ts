/** A path as one word of a POSIX shell, in quotes where it needs them. A name that begins with a dash is no option of `cd`. */
export function shellWord(path: string): string {
  const word = path.startsWith('-') ? `./${path}` : path;
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
