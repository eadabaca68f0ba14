/** Reading a QR code with the camera: the browser's own reader where there is one, else zxing (our own copy, in a worker). */

import { ownScript } from "./scripts";
import zxingWorker from "./workers/zxing.worker?worker&url";

/** Why there is no picture. */
export class NoCamera extends Error {
  override name = "NoCamera";
  constructor(readonly reason: "denied" | "absent" | "insecure" | "busy") {
    super(reason);
  }
}

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
declare const BarcodeDetector: {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
};

interface Reader {
  read(video: HTMLVideoElement): Promise<string | null>;
  close(): void;
}

/** Between two looks. Frames of the other side change once a second. */
const LOOK_MS = 120;
/** Longest side given to the reader: more pixels cost time and read no better. */
const MAX_SIDE = 1280;

export class Scanner {
  private stream: MediaStream | undefined;
  private reader: Reader | undefined;
  private open = true;

  constructor(private readonly video: HTMLVideoElement) {}

  /** Shows the camera and calls `found` with each text read, until `close`. Throws NoCamera. */
  async start(found: (text: string) => void): Promise<void> {
    this.stream = await openCamera();
    if (!this.open) return this.close();
    this.video.srcObject = this.stream;
    await this.video.play();
    this.reader = await chooseReader();
    if (!this.open) return this.close();
    void this.look(found);
  }

  close(): void {
    this.open = false;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.reader?.close();
    this.reader = undefined;
  }

  private async look(found: (text: string) => void): Promise<void> {
    while (this.open && this.reader) {
      if (this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && this.video.videoWidth > 0) {
        const text = await this.reader.read(this.video).catch(() => null);
        if (text !== null && this.open) found(text);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

async function openCamera(): Promise<MediaStream> {
  if (!isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new NoCamera("insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new NoCamera("denied");
    throw new NoCamera(name === "NotReadableError" ? "busy" : "absent");
  }
}

async function chooseReader(): Promise<Reader> {
  if ("BarcodeDetector" in globalThis && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return {
      read: async (video) => (await detector.detect(video))[0]?.rawValue ?? null,
      close: () => undefined,
    };
  }
  return zxingReader();
}

function zxingReader(): Reader {
  const worker = new Worker(ownScript(zxingWorker), { type: "module" });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return {
    read: (video) =>
      new Promise((resolve, reject) => {
        if (context === null) return resolve(null);
        const scale = Math.min(1, MAX_SIDE / Math.max(video.videoWidth, video.videoHeight));
        canvas.width = Math.round(video.videoWidth * scale);
        canvas.height = Math.round(video.videoHeight * scale);
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        const image = context.getImageData(0, 0, canvas.width, canvas.height);
        worker.onmessage = (event: MessageEvent<string | null>) => resolve(event.data);
        worker.onerror = () => reject(new Error("the QR reader did not start"));
        worker.postMessage(image, [image.data.buffer]);
      }),
    close: () => worker.terminate(),
  };
}
