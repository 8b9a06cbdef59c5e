# Published tables of raw statistics carried to pooled results: Rscript mixed_statistics.R writes mixed_statistics.json.
# Made with metafor 3.8-1 and metadat 1.2-0. gibson2002: means and standard deviations of 13 trials, tables of 7.
suppressMessages({library(metafor); library(metadat); library(jsonlite)})
options(warn = -1)
d <- dat.gibson2002
smd <- escalc("SMD", m1i=m1i, sd1i=sd1i, n1i=n1i, m2i=m2i, sd2i=sd2i, n2i=n2i, data=d)
or2dl <- escalc("OR2DL", ai=ai, bi=bi, ci=ci, di=di, data=d)
both <- ifelse(is.na(smd$yi), or2dl$yi, smd$yi); variance <- ifelse(is.na(smd$vi), or2dl$vi, smd$vi)
pooled <- function(r, back=identity) as.numeric(back(c(r$b, r$ci.lb, r$ci.ub)))
m <- escalc("ZCOR", ri=ri, ni=ni, data=dat.molloy2014)
write_json(list(
  made_by = paste("metafor", packageVersion("metafor"), "metadat", packageVersion("metadat"), R.version.string),
  gibson2002 = list(
    table = d[c("n1i","m1i","sd1i","n2i","m2i","sd2i","ai","bi","ci","di","type")], study = paste(d$author, d$year),
    y = both, v = variance,
    common_smd_of_means = pooled(rma(smd$yi, smd$vi, method="EE")), common = pooled(rma(both, variance, method="EE")),
    reml = pooled(rma(both, variance, method="REML", control=list(threshold=1e-14, maxiter=10000))),
    risk_ratio_mantel_haenszel = pooled(rma.mh(measure="RR", ai=ai, bi=bi, ci=ci, di=di, data=d), exp)),
  molloy2014 = list(correlation_dersimonian_laird = pooled(rma(m$yi, m$vi, method="DL"), tanh)),
  bcg = list(risk_ratio_dersimonian_laird = pooled(rma(measure="RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg, method="DL"), exp))),
  "mixed_statistics.json", digits=17, na="null", auto_unbox=TRUE, dataframe="columns")
