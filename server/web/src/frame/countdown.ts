// A text with the seconds that are left.

// countdown calls show with the seconds that are left until a time, now and whenever they change, and at last with 0. It ends when it is
// called, or by itself.
export function countdown(until: number, show: (seconds: number) => void): () => void {
  let timer = 0;
  const tick = (): void => {
    const left = Math.max(0, until - Date.now());
    show(Math.ceil(left / 1000));
    if (left > 0) {
      timer = setTimeout(tick, left % 1000 || 1000);
    }
  };
  tick();
  return () => clearTimeout(timer);
}
