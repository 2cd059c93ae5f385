import{h as a,i as b}from"./chunk-73DNCXJ4.js";import"./chunk-AFA4EELI.js";export{b as closePicker,a as openPicker};
