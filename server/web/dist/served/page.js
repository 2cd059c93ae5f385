import"./chunk-UWQUNDS2.js";
