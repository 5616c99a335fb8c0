import { stripVTControlCharacters } from 'node:util';

const plainEveryMs = 2_000;

/** One line that is written over and over at the bottom of a terminal, and lines that scroll above it. Elsewhere the line is printed now and then. */
export class Screen {
  readonly #out = process.stderr;
  readonly #live = process.stderr.isTTY === true && process.env.CI === undefined;
  #status = '';
  #printedAtMs = Number.NEGATIVE_INFINITY;

  line(text: string): void {
    this.#out.write(this.#live ? `\r\x1b[K${text}\n${this.#status}` : `${text}\n`);
  }

  status(text: string): void {
    const fitted = this.#fit(text);
    if (fitted === this.#status) return;
    this.#status = fitted;
    if (this.#live) {
      this.#out.write(`\r\x1b[K${fitted}`);
    } else if (performance.now() - this.#printedAtMs > plainEveryMs) {
      this.#printedAtMs = performance.now();
      this.#out.write(`${fitted}\n`);
    }
  }

  /** Leaves the last status where it is. */
  end(): void {
    if (this.#live && this.#status !== '') this.#out.write('\n');
    this.#status = '';
  }

  #fit(text: string): string {
    const plain = stripVTControlCharacters(text);
    return this.#live ? plain.slice(0, (this.#out.columns ?? 80) - 1) : plain;
  }
}
