import"./chunk-AFA4EELI.js";
