// Values as people read them. What is unknown is a dash.
export const kUnknown = '–';

export const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
export const fixed = (value, digits) => (known(value) ? value.toFixed(digits) : kUnknown);
export const signed = (value, digits) =>
  known(value) ? (value < 0 ? '−' : '+') + Math.abs(value).toFixed(digits) : kUnknown;
export const whole = (value) => (known(value) ? Math.round(value).toLocaleString('en') : kUnknown);
export const percent = (share) => (known(share) ? `${Math.round(share * 100)} %` : kUnknown);

export function compact(value) {
  if (!known(value)) return kUnknown;
  for (const [size, letter] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]) {
    if (Math.abs(value) >= size) return (value / size).toFixed(Math.abs(value) >= 100 * size ? 0 : 1) + letter;
  }
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

export function bytes(value) {
  if (!known(value)) return kUnknown;
  for (const [size, unit] of [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ]) {
    if (value >= size) return `${(value / size).toFixed(value >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return `${value.toFixed(0)} B`;
}

export function duration(seconds) {
  if (!known(seconds)) return kUnknown;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');

export function median(values) {
  if (values.length === 0) return null;
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
