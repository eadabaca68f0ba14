/** Our own drawings on a 24-unit grid: strokes that take the colour of the text around them. */

const PATHS = {
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6L6 18",
  warning: "M12 4L2.8 20h18.4L12 4zM12 10v4.5M12 17.2v.3",
  info: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5.5M12 7.6v.3",
  computer: "M4 5h16v10H4zM2 19h20M9.5 15v4M14.5 15v4",
  system: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM16.5 13v7M13 16.5h7",
  phone: "M7 3h10v18H7zM11 18h2",
  document: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16",
  keyboard: "M3 6h18v12H3zM7 10h.1M11 10h.1M15 10h.1M8 14h8",
  bell: "M6 16V11a6 6 0 0112 0v5l1.5 2h-15zM10 20.5h4",
  certificate: "M5 4h14v10H5zM8 8h8M8 11h4M12 14.5a2.6 2.6 0 105 0 2.6 2.6 0 10-5 0M13 17v4l1.5-1 1.5 1v-4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 100 6 3 3 0 000-6z",
  eyeOff: "M4 4l16 16M9.5 6A9.8 9.8 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 01-3 3.6M6.2 7.6A16 16 0 002.5 12S6 18.5 12 18.5a9.6 9.6 0 004-.9M10 10a3 3 0 004 4",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5.5l3.5 2",
  refuse: "M12 3a9 9 0 100 18 9 9 0 000-18zM5.8 5.8l12.4 12.4",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3M12 14.5v2",
  history: "M4 12a8 8 0 108-8 8.5 8.5 0 00-6 2.6L4 8.5M4 4v4.5h4.5M12 8v4.5l3 1.8",
  share: "M12 15V3.5M8 7l4-3.5L16 7M7.5 10.5H5.5v10h13v-10h-2",
  rename: "M5 19l1-4L16 5l3 3L9 18l-4 1zM14 7l3 3",
  download: "M12 4v11M7.5 10.5L12 15l4.5-4.5M5 20h14",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

/** A decoration: hidden from screen readers, because the words beside it say the same. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Our mark: two links of a chain, the second of which is a tick. */
export function mark(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 48 48", class: "mark", "aria-hidden": "true", focusable: "false" })) {
    svg.setAttribute(key, value);
  }
  for (const [d, kind] of MARK) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", kind);
    svg.append(path);
  }
  return svg;
}

const MARK = [
  ["M27.5 14H17a10 10 0 000 20h6", "mark-link"],
  ["M20.5 25.5l6.5 6.5L42 16", "mark-tick"],
] as const;
