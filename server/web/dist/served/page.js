import"./chunk-5LFAYBJ4.js";
