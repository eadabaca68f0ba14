/** QR codes out of camera frames, by zxing. The wasm is a file of ours; the library's default would fetch it from a CDN. */

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import wasm from "zxing-wasm/reader/zxing_reader.wasm?url";

const worker = self as unknown as DedicatedWorkerGlobalScope;

prepareZXingModule({ overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? wasm : prefix + path) } });

worker.onmessage = async (event: MessageEvent<ImageData>) => {
  const found = await readBarcodes(event.data, { formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 1 });
  worker.postMessage(found[0]?.text ?? null);
};
