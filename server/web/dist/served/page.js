import"./chunk-IBOEPRZJ.js";
