/** The app's address as a QR code, drawn as one path: for the phone, whose camera may open it (it is a page, not a request). */

import { prepareZXingModule, writeBarcode } from "zxing-wasm/writer";
import wasm from "zxing-wasm/writer/zxing_writer.wasm?url";

const SVG = "http://www.w3.org/2000/svg";
/** Modules of white around it (ISO/IEC 18004 asks for four). */
const QUIET = 4;

export async function drawQr(place: HTMLElement, text: string, label: string): Promise<void> {
  prepareZXingModule({ overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? wasm : prefix + path) } });
  const { symbol, error } = await writeBarcode(text, { format: "QRCode", ecLevel: "M" });
  if (error !== "" || symbol.width === 0) throw new Error(error);
  let path = "";
  for (let y = 0; y < symbol.height; y += 1) {
    for (let x = 0; x < symbol.width; x += 1) {
      if (symbol.data[y * symbol.width + x] === 0) path += `M${x} ${y}h1v1h-1z`;
    }
  }
  const side = symbol.width + 2 * QUIET;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `${-QUIET} ${-QUIET} ${side} ${side}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("shape-rendering", "crispEdges");
  const modules = document.createElementNS(SVG, "path");
  modules.setAttribute("d", path);
  svg.append(modules);
  place.replaceChildren(svg);
}
