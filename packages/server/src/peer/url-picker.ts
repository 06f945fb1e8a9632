/** Chooses among the URLs of a peer: one is kept until it fails, then it is the next one's turn. */
export class UrlPicker {
  #urls: readonly string[];
  #picked = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** Whether these are the ones it chooses among, in this order. */
  has(urls: readonly string[]): boolean {
    return urls.length === this.#urls.length && urls.every((url, i) => url === this.#urls[i]);
  }

  update(urls: readonly string[]): void {
    this.#urls = urls;
    this.#picked = 0;
  }

  /** "http://host:port" or "https://…"; undefined when the peer has none. */
  pick(): string | undefined {
    return this.#urls[this.#picked];
  }

  /** `url` failed. Of several failures of one URL only the first counts. */
  markUnreachable(url: string): void {
    if (this.#urls[this.#picked] !== url) return;
    this.#picked = (this.#picked + 1) % this.#urls.length;
  }
}
