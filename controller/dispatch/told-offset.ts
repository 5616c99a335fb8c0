/** How far the broker has been told that a partition is handled; one answer is waited for at a time. */
export class ToldOffset {
  /** −1: nothing. */
  #told = -1;
  #isTelling = false;
  /** Became due meanwhile. */
  #next = -1;

  get value(): number {
    return this.#told;
  }

  /** What the broker knew when the partition was claimed. */
  begin(offset: number): void {
    this.#told = offset;
  }

  /** Sends what is above all that was told. `send` answers whether the broker has it, and throws nothing. */
  async tell(offset: number, send: (offset: number) => Promise<boolean>): Promise<void> {
    if (offset <= this.#told) return;
    if (this.#isTelling) {
      this.#next = offset;
      return;
    }
    this.#isTelling = true;
    this.#next = -1;
    if (await send(offset)) this.#told = Math.max(this.#told, offset);
    this.#isTelling = false;
    if (this.#next > this.#told) await this.tell(this.#next, send);
  }
}
