import"./chunk-TSC3VZHQ.js";
