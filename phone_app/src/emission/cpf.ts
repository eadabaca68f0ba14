/** CPF as people type and read it. The check digits only catch slips; who somebody is, the AC decides. */

/** Eleven digits, or null when they are not a CPF. */
export function readCpf(typed: string): string | null {
  const digits = typed.replace(/\D/g, "");
  if (!/^\d{11}$/.test(digits) || /^(\d)\1{10}$/.test(digits)) return null;
  const check = (length: number): number => {
    let sum = 0;
    for (let index = 0; index < length; index += 1) sum += Number(digits[index]) * (length + 1 - index);
    return ((sum * 10) % 11) % 10;
  };
  return check(9) === Number(digits[9]) && check(10) === Number(digits[10]) ? digits : null;
}

/** 000.000.000-00, also while it is being typed. */
export function formatCpf(typed: string): string {
  const digits = typed.replace(/\D/g, "").slice(0, 11);
  const [a, b, c, d] = [digits.slice(0, 3), digits.slice(3, 6), digits.slice(6, 9), digits.slice(9)];
  return [a, b, c].filter((part) => part !== "").join(".") + (d === "" ? "" : `-${d}`);
}
