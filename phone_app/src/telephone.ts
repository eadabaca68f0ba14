/** Brazilian telephone numbers as people type and read them. The server has the last word; this only catches slips. */

/** E.164, or null. Without a country code it is Brazil: an area code of two digits and a mobile of nine. */
export function normaliseNumber(typed: string): string | null {
  const digits = typed.replace(/\D/g, "");
  if (typed.trim().startsWith("+") && !digits.startsWith("55")) return /^[1-9]\d{7,14}$/.test(digits) ? `+${digits}` : null;
  const national = digits.replace(/^0+/, "").replace(/^55(?=\d{10,11}$)/, "");
  return /^[1-9][1-9]9?\d{8}$/.test(national) ? `+55${national}` : null;
}

/** (31) 99999-9999 that no line breaks, or the number as it is when it is not Brazilian. */
export function formatNumber(e164: string): string {
  const match = /^\+55(\d{2})(\d{4,5})(\d{4})$/.exec(e164);
  return match ? `(${match[1]})\u00a0${match[2]}-${match[3]}` : e164;
}
