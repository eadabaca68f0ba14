/** Argon2id off the main thread (docs/protocol.md section 4: version 0x13, 32 bytes out). One password per worker, then it dies. */

import { argon2id } from "hash-wasm";

interface Work {
  password: string;
  salt: Uint8Array<ArrayBuffer>;
  m: number;
  t: number;
  p: number;
}

const worker = self as unknown as DedicatedWorkerGlobalScope;

worker.onmessage = async (event: MessageEvent<Work>) => {
  const { password, salt, m, t, p } = event.data;
  try {
    const stretched = await argon2id({ password, salt, memorySize: m, iterations: t, parallelism: p, hashLength: 32, outputType: "binary" });
    worker.postMessage({ stretched });
  } catch (error) {
    worker.postMessage({ error: String(error) });
  }
};
