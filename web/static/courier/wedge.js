// A scanner that types: keys less than 30 ms apart that end with ENTER or TAB are a scan, wherever the focus is.

const APART = 30;
const FEWEST = 3;
/** AIM identifiers that scanners can be set to send in front. */
const AIM = { "]C0": "code128", "]C1": "gs1-128", "]I": "itf", "]A": "code39", "]d": "datamatrix", "]Q": "qr", "]E": "ean", "]L": "pdf417", "]z": "aztec", "]U": "maxicode" };

/** @param {(code: string, sym: string) => void} scanned */
export function listen(scanned) {
  let typed = "";
  let last = -Infinity;
  document.addEventListener(
    "keydown",
    (event) => {
      const now = event.timeStamp;
      const isFast = now - last < APART;
      last = now;
      if ((event.key === "Enter" || event.key === "Tab") && isFast && typed.length >= FEWEST) {
        event.preventDefault();
        event.stopPropagation();
        const field = document.activeElement;
        if (field instanceof HTMLInputElement && field.value.endsWith(typed)) field.value = field.value.slice(0, -typed.length);
        scanned(...named(typed));
        typed = "";
      } else if (event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey) {
        typed = isFast ? typed + event.key : event.key;
      } else if (event.key !== "Shift") {
        typed = "";
      }
    },
    true,
  );
}

/** Code and symbology of what came. @param {string} typed @returns {[string, string]} */
function named(typed) {
  const found = Object.entries(AIM).find(([prefix]) => typed.startsWith(prefix));
  return found ? [typed.slice(3), found[1]] : [typed, "keyed"];
}
