import"./chunk-W7QBJCR3.js";
