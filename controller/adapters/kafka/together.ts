/** Hundreds of functions that start at the same time ask the same of as many topics: what is asked for in one turn is one request. */
export class Together<Answer> {
  readonly #ask: (names: readonly string[]) => Promise<Answer>;
  #open: { readonly names: Set<string>; readonly answer: Promise<Answer> } | undefined;

  constructor(ask: (names: readonly string[]) => Promise<Answer>) {
    this.#ask = ask;
  }

  /** Of all that were asked for together, this one among them; throws for all of them. */
  about(name: string): Promise<Answer> {
    if (this.#open === undefined || this.#open.names.size >= namesMax) this.#open = this.#begin();
    this.#open.names.add(name);
    return this.#open.answer;
  }

  #begin(): { readonly names: Set<string>; readonly answer: Promise<Answer> } {
    const names = new Set<string>();
    const answer = new Promise(resolve => setImmediate(resolve)).then(() => {
      if (this.#open?.names === names) this.#open = undefined;
      return this.#ask([...names]);
    });
    return { names, answer };
  }
}

/** Of one request, so that it is answered within the time for one. */
const namesMax = 200;
