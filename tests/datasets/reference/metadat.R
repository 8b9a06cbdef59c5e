# Labels, effects and variances of five data sets as R's metadat and metafor give them, 17 digits.
# Run: Rscript metadat.R > metadat.csv   (made with R 4.2.2, metadat 1.2-0, metafor 3.8-1)
bcg <- metafor::escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = metadat::dat.bcg)
raudenbush <- metadat::dat.raudenbush1985
assink <- metadat::dat.assink2016
magnesium <- metafor::escalc("RR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = metadat::dat.egger2001[1:15, ])
blockers <- subset(metadat::dat.yusuf1985, table == "10" & !is.na(ai))
blockers <- metafor::escalc("RR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = blockers)
rows <- function(name, label, y, v, x, n) {
  cat(sprintf('%s,"%s",%.17g,%.17g,%g,%s\n', name, label, y, v, x, ifelse(is.na(n), "nan", n)), sep = "")
}
cat("dataset,study,y,v,moderator,n\n")
with(bcg, rows("bcg", paste(author, year), yi, vi, ablat, tpos + tneg + cpos + cneg))
with(raudenbush, rows("raudenbush1985", paste(study, author), yi, vi, weeks, n1i + n2i))
with(assink, rows("assink2016", paste("study", study), yi, vi, year, rep(NA, length(yi))))
with(magnesium, rows("egger2001", paste(study, year), yi, vi, year, n1i + n2i))
with(blockers, rows("yusuf1985", trial, yi, vi, rep(NA_real_, length(yi)), n1i + n2i))
