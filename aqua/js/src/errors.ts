/** What one node said. */
export interface NodeError {
  /** The node; none where the client itself has failed. */
  peerId: string | null;
  text: string;
}

/** A call that has failed, with the text of every node. */
export class RegistryError extends Error {
  readonly errors: readonly NodeError[];

  constructor(what: string, texts: readonly string[], options?: ErrorOptions) {
    const said = texts.length > 0 ? texts.join("\n") : "no node has said why";
    super(`${what}:\n${said}`, options);
    this.name = "RegistryError";
    this.errors = texts.map(nodeError);
  }
}

// Peer ids of Ed25519 keys, which is what nodes have, begin so and have 52 characters.
const FROM_NODE = /^(12D3KooW[1-9A-HJ-NP-Za-km-z]{44}): (.*)$/s;

function nodeError(text: string): NodeError {
  const match = FROM_NODE.exec(text);
  return match ? { peerId: match[1]!, text: match[2]! } : { peerId: null, text };
}

/** What the JS client rejects with: an `Error`, a text, or the error object of a script. */
export function textOf(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  if (typeof reason === "object" && reason !== null && "message" in reason) return String(reason.message);
  return String(reason);
}
