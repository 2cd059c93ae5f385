import"./chunk-PEWFPCB3.js";
