# Effect sizes by metafor's escalc, what its conv.* and transf.* functions give: Rscript escalc_metafor.R writes
# escalc_metafor.json. Made with metafor 5.2-1 (gsl for UCOR, mvtnorm for RTET). Every measure with every setting that
# its help page names, on ordinary and on odd statistics.
suppressMessages({library(metafor); library(jsonlite)})
set.seed(1)
k <- 12
random <- function(...) sample(..., replace = TRUE)

# --- statistics: ordinary ones, and odd ones (tiny and huge samples, empty cells, ratios near their limits) ---
g <- list(n1=sample(5:80,k), n2=sample(5:80,k), m1=round(runif(k,8,14),2), m2=round(runif(k,8,14),2),
          sd1=round(runif(k,1,4),2), sd2=round(runif(k,1,4),2))
go <- list(n1=c(2,2,3,4,5000,2,40,40,12,7), n2=c(2,3,2,4,4000,900,40,40,11,3), m1=c(3,1,10,.5,100.01,-4,-8,5,1e5,.001),
           m2=c(1,9,2,.5,100,-6,-2,-5,1.1e5,.004), sd1=c(1,.1,4,.5,15,2,3,2,2e4,.002), sd2=c(1,5,4,.5,15,9,.03,2,1e4,.001))
t2 <- list(a=c(sample(1:40,k-2),0,5), b=c(sample(10:60,k-2),12,0), c=c(sample(1:40,k-2),3,9), d=c(sample(10:60,k-2),14,0))
to <- list(a=c(0,0,10,10,1,500,0,1,3,20000,7,0), b=c(10,10,0,0,1,0,9,2,997,80000,1,1),
           c=c(0,5,12,3,1,0,1,1,30,25000,0,1), d=c(12,3,0,9,1,500,0,1,970,70000,9,0))
rt <- list(x1=c(sample(1:40,k-2),0,0), x2=c(sample(1:40,k-2),4,0), t1=round(runif(k,20,300),1), t2=round(runif(k,20,300),1))
ro <- list(x1=c(0,1,0,5000,3,1), x2=c(0,0,9,1,3,2), t1=c(.5,1e5,10,1e6,1,.01), t2=c(2,1e5,1e-2,10,1,.02))
pr <- list(x=c(sample(1:30,k-2),0,40), n=c(sample(31:90,k-2),20,40))
po <- list(x=c(0,1,0,1,1,3,99999,50000,1), n=c(1,1,5000,2,5000,4,1e5,1e5,3))
ar <- list(auc=c(.62,.5,.8,.31,.9), n1=c(20,40,15,60,33), n2=c(25,38,12,70,30))
ao_ <- list(auc=c(.99,.05,.5,.700001), n1=c(2,500,2,3), n2=c(3,4,2,3000))
mb <- list(a=c(20,12,5), b=c(30,18,5), c=c(25,9,6), d=c(25,21,4), both=c(.3,.25,.4))
pa <- list(r=c(.3,-.2,.05,.7), n=c(40,25,300,9), mi=c(2,4,1,3), r2=c(.4,.3,.1,.8))
sh <- list(r2=c(.3,.05,.7,.92,.5), n=c(40,200,25,13,1000), mi=c(2,5,1,4,12))
sf <- list(f=c(4.2,1.1,20,.3), n=c(40,200,25,13), mi=c(2,5,1,4))
co <- list(r=round(runif(k,-.9,.9),3), n=sample(8:150,k), t=round(rnorm(k,0,2),2), mi=random(1:4,k), r2=round(runif(k,.5,.8),3))
cx <- list(r=c(0,.999999,-.99,.5,.5,-.2,.97,-.0001), n=c(4,5,4,5,10000,80,81,200), t=c(0,.1,-.4,1,9,-2.5,4,40),
           mi=c(1,1,1,2,30,5,9,1), r2=c(.1,.2,.3,.9,.2,.3,.9,.99))
al <- list(alpha=round(runif(k,.4,.95),3), items=sample(3:20,k), n=g$n1+3)
ao <- list(alpha=c(0,-.6,.9999,.5,.77), items=c(2,3,2,500,40), n=c(4,3,5000,3,12))
pp <- list(m1=g$m1, m2=g$m2, sd1=g$sd1, sd2=g$sd2, n=g$n1, r=round(runif(k,.1,.9),2))
px <- list(m1=c(3,1,-4,100,5,1e3), m2=c(1,9,-6,99,5,2e3), sd1=c(1,.1,2,15,1,5), sd2=c(1,5,9,3,1,500), n=c(2,3,4,9000,30,8), r=c(0,.999,-.9,.5,.2,-.3))
ma <- list(a=c(20,12,5), b=c(30,18,5), c=c(25,9,6), d=c(25,21,4), r=c(.3,.5,0))
ge <- list(a=c(12,40,0,5,300), b=c(30,9,7,0,500), c=c(20,11,4,3,240))
tables <- list(groups=g, groups_odd=go, tables=t2, tables_odd=to, rates=rt, rates_odd=ro, props=pr, props_odd=po,
               areas=ar, areas_odd=ao_, margins_both=mb, partials=pa, shares=sh, shares_f=sf,
               cors=co, cors_odd=cx, alphas=al, alphas_odd=ao, paired=pp, paired_odd=px, genotypes=ge, margins=ma)

cases <- list()
case <- function(measure, table, escalc_arguments, ...) {
  options <- list(...)
  result <- tryCatch(suppressWarnings(do.call(escalc, c(list(measure=measure), escalc_arguments, options))),
                     error=function(e) { message(measure, " ", table, ": ", conditionMessage(e)); NULL })
  if (!is.null(result)) cases[[length(cases)+1]] <<- c(list(measure=measure, table=table), options,
                                                      list(y=as.numeric(result$yi), v=as.numeric(result$vi)))
}
variants <- function(measure, table, escalc_arguments, vtypes="LS", corrections=TRUE)
  for (v in vtypes) for (corrected in corrections) case(measure, table, escalc_arguments, vtype=v, correct=corrected)
both <- c(TRUE, FALSE)

# --- two groups ---
hedges <- c("LS","LS2","LS3","UB","AV","H0")
for (name in c("groups","groups_odd")) { s <- tables[[name]]
  arguments <- list(n1i=s$n1, n2i=s$n2, m1i=s$m1, m2i=s$m2, sd1i=s$sd1, sd2i=s$sd2)
  variants("MD", name, arguments, c("LS","HO"))
  variants("SMD", name, arguments, hedges, both)
  variants("SMD1", name, arguments, setdiff(hedges, "LS3"), both)
  for (m in c("SMDH","SMD1H")) variants(m, name, arguments, "LS", both)
  variants("ROM", name, arguments, c("LS","LS2","HO","AV","AVHO"), both)
  for (m in c("VR","CVR")) variants(m, name, arguments, c("LS","LS2"), both)
  variants("CLESN", name, arguments, c("LS","HO"))
  for (m in c("RPB","ZPB")) variants(m, name, arguments, c("ST","CS"))
  for (m in c("RBIS","ZBIS","D2ORN","D2ORL")) variants(m, name, arguments)
  variants("POMPMD", name, c(arguments, list(mini=rep(-20,length(s$n1)), maxi=rep(200,length(s$n1)))), c("LS","HO"))
}
for (name in c("areas","areas_odd")) { s <- tables[[name]]
  variants("CLES", name, list(ai=s$auc, n1i=s$n1, n2i=s$n2), c("LS","LS2"))
  variants("CLESN", name, list(ai=s$auc, n1i=s$n1, n2i=s$n2))
}
# --- two-by-two tables ---
for (name in c("tables","tables_odd")) { s <- tables[[name]]
  arguments <- list(ai=s$a, bi=s$b, ci=s$c, di=s$d)
  for (m in c("OR","RR","RD","AS","PETO","PHI","ZPHI","YUQ","YUY","RTET","ZTET","PBIT","OR2DL","OR2DN"))
    for (v in switch(m, PHI=,ZPHI=c("ST","CS"), RD=c("LS","UB","AV"), "LS"))
      for (where in c("only0","all","if0all","none")) for (add in c(.5,.1)) for (drop in c(FALSE,TRUE))
        if ((where != "none" || add == .5) && (!drop || add == .5) && (!grepl("TET", m) || name == "tables"))
          case(m, name, arguments, vtype=v, to=where, add=add, drop00=drop)
  for (m in c("MPRR","MPOR","MPRD","MPORC","MPPETO")) for (where in c("only0","all","if0all","none"))
    case(m, name, arguments, to=where, add=.5)
}
case("MPORM", "margins", list(ai=ma$a, bi=ma$b, ci=ma$c, di=ma$d, ri=ma$r))
case("MPORM", "margins_both", list(ai=mb$a, bi=mb$b, ci=mb$c, di=mb$d, pi=mb$both))
# --- rates, proportions ---
for (name in c("rates","rates_odd")) { s <- tables[[name]]
  for (where in c("only0","all","if0all","none")) for (add in c(.5,.1)) for (drop in c(FALSE,TRUE)) if (!drop || add == .5)
    for (m in c("IRR","IRD","IRSD")) case(m, name, list(x1i=s$x1, x2i=s$x2, t1i=s$t1, t2i=s$t2), to=where, add=add, drop00=drop)
  for (where in c("only0","all","if0all","none")) for (add in c(.5,.1))
    for (m in c("IR","IRLN","IRS","IRFT")) case(m, name, list(xi=s$x1, ti=s$t1), to=where, add=add)
}
for (name in c("props","props_odd")) { s <- tables[[name]]
  for (where in c("only0","all","if0all","none")) for (add in c(.5,.1))
    for (m in c("PR","PLN","PLO","PRZ","PAS","PFT")) case(m, name, list(xi=s$x, ni=s$n), to=where, add=add)
}
# --- correlations ---
for (name in c("cors","cors_odd")) { s <- tables[[name]]
  for (m in c("COR","UCOR","ZCOR")) variants(m, name, list(ri=s$r, ni=s$n), switch(m, COR=c("LS","AV","H0"), UCOR=c("LS","UB","AV"), "LS"))
}
for (m in c("PCOR","ZPCOR")) variants(m, "cors", list(ti=co$t, ni=co$n, mi=co$mi))
for (m in c("SPCOR","ZSPCOR")) variants(m, "cors", list(ti=co$t, ni=co$n, mi=co$mi, r2i=co$r2))
for (m in c("PCOR","ZPCOR")) variants(m, "partials", list(ri=pa$r, ni=pa$n, mi=pa$mi))
for (m in c("SPCOR","ZSPCOR")) variants(m, "partials", list(ri=pa$r, ni=pa$n, mi=pa$mi, r2i=pa$r2))
for (m in c("R2","ZR2")) {
  variants(m, "shares", list(r2i=sh$r2, ni=sh$n, mi=sh$mi), switch(m, R2=c("LS","LS2","AV","AV2"), "LS"))
  variants(m, "shares_f", list(fi=sf$f, ni=sf$n, mi=sf$mi))
}
# --- single groups, change, reliability, genotypes ---
for (name in c("groups","groups_odd")) { s <- tables[[name]]
  for (m in c("MN","MNLN")) case(m, name, list(mi=abs(s$m1), sdi=s$sd1, ni=s$n1))
  for (m in c("CVLN","SDLN")) variants(m, name, list(mi=abs(s$m1), sdi=s$sd1, ni=s$n1), "LS", both)
  variants("SMN", name, list(mi=s$m1, sdi=s$sd1, ni=s$n1), "LS", both)
  case("POMPMN", name, list(mi=s$m1, sdi=s$sd1, ni=s$n1, mini=rep(-20,length(s$n1)), maxi=rep(200,length(s$n1))))
}
for (name in c("paired","paired_odd")) { s <- tables[[name]]
  arguments <- list(m1i=s$m1, m2i=s$m2, sd1i=s$sd1, sd2i=s$sd2, ri=s$r, ni=s$n)
  for (m in c("SMCC","SMCR")) variants(m, name, arguments, c("LS","LS2"), both)
  for (m in c("SMCRH","SMCRP","SMCRPH")) variants(m, name, arguments, "LS", both)
  for (m in c("ROMC","CVRC")) variants(m, name, arguments, c("LS","LS2"), both)
  variants("VRC", name, arguments, c("LS","LS2"))
  for (m in c("MC","CLESCN")) variants(m, name, arguments)
  variants("POMPMC", name, c(arguments, list(mini=rep(-20,length(s$n)), maxi=rep(200,length(s$n)))))
}
for (name in c("alphas","alphas_odd")) { s <- tables[[name]]
  for (m in c("ARAW","AHW","ABT")) case(m, name, list(ai=s$alpha, mi=s$items, ni=s$n))
}
case("REH", "genotypes", list(ai=ge$a, bi=ge$b, ci=ge$c))

# --- what follows from other statistics ---
recovered <- function(measure, named, ...) {
  arguments <- list(...)
  result <- suppressWarnings(do.call(escalc, c(list(measure=measure), arguments)))
  c(list(measure=measure, statistics=named), list(y=as.numeric(result$yi), v=as.numeric(result$vi)))
}
n1 <- c(20,2,300,9); n2 <- c(24,5,310,4); tt <- c(2.1,-.4,.01,-5.5); pv <- c(.03,-.8,1e-9,-.04); rr <- c(.3,-.2,.01,.85); dd <- c(.5,-1,.02,2)
from <- c(
  unlist(lapply(c("SMD","RPB","ZPB","RBIS","ZBIS","D2ORN","D2ORL","CLESN"), function(m) list(
    recovered(m, list(t=tt, n1=n1, n2=n2), ti=tt, n1i=n1, n2i=n2), recovered(m, list(d=dd, n1=n1, n2=n2), di=dd, n1i=n1, n2i=n2),
    recovered(m, list(p=pv, n1=n1, n2=n2), pi=pv, n1i=n1, n2i=n2))), recursive=FALSE),
  unlist(lapply(c("SMD","RPB","RBIS"), function(m) list(recovered(m, list(r=rr, n1=n1, n2=n2), ri=rr, n1i=n1, n2i=n2))), recursive=FALSE),
  unlist(lapply(c("COR","ZCOR"), function(m) list(recovered(m, list(t=tt, n=n1+n2), ti=tt, ni=n1+n2), recovered(m, list(p=pv, n=n1+n2), pi=pv, ni=n1+n2))), recursive=FALSE),
  unlist(lapply(c("PCOR","ZPCOR"), function(m) list(recovered(m, list(p=pv, n=n1+n2, predictors=c(1,2,3,4)), pi=pv, ni=n1+n2, mi=c(1,2,3,4)))), recursive=FALSE),
  list(recovered("SMCC", list(t=tt, n=n1), ti=tt, ni=n1), recovered("SMCC", list(p=pv, n=n1), pi=pv, ni=n1)))

# --- tables from margins, means from order statistics, standard errors ---
mg <- list(n=c(87,120,60,500), n1=c(42,50,33,80), events=c(32,70,12,44), or=c(.5,2.2,1,7), phi=c(-.16,.3,.02,.4), chi2=c(-2.1,9,.4,30))
cells <- function(...) { x <- suppressWarnings(conv.2x2(..., ni=mg$n, n1i=mg$n1, n2i=mg$events)); list(a=x$ai, b=x$bi, c=x$ci, d=x$di) }
margins <- c(mg, list(of_or=cells(ori=mg$or), of_phi=cells(ri=mg$phi), of_chi2=cells(x2i=mg$chi2, correct=FALSE), of_yates=cells(x2i=mg$chi2, correct=TRUE)))
fn <- list(n=c(5,12,30,51,200,1000), minimum=c(1,2,.5,3,1,10), lower_q=c(2,4,3,5,3,20), median=c(3,5,9,6.5,8,31), upper_q=c(5,8,11,8,10,40), maximum=c(9,12,40,11,12,60))
five <- function(which, dist) {
  all <- list(min=fn$minimum, q1=fn$lower_q, median=fn$median, q3=fn$upper_q, max=fn$maximum)
  x <- suppressWarnings(do.call(conv.fivenum, c(all[which], list(n=fn$n, test=FALSE, dist=dist))))
  list(mean=as.numeric(x$mean), sd=as.numeric(x$sd), tval=as.numeric(attr(x$mean,"tval")), crit=as.numeric(attr(x$mean,"crit")), skewed=as.logical(attr(x$mean,"sig")))
}
sets <- list(range=c("min","median","max"), quartiles=c("q1","median","q3"), all=c("min","q1","median","q3","max"))
fivenum <- c(fn, list(norm=lapply(sets, five, dist="norm"), lnorm=lapply(sets, five, dist="lnorm")))
w <- list(y=c(.5,-.2,1.1,.03), lower=c(.1,-.7,.4,-.02), upper=c(.9,.3,1.8,.08), z=c(2.2,-.6,3.1,1.1), p=c(.02,.4,.0003,.9))
se <- function(...) sqrt(as.numeric(suppressWarnings(conv.wald(out=w$y, ..., check=FALSE))$vi))
wald <- c(w, list(ci95=se(ci.lb=w$lower, ci.ub=w$upper), ci90=se(ci.lb=w$lower, ci.ub=w$upper, level=90), upper99=se(ci.ub=w$upper, level=99),
                  of_z=se(zval=w$z), of_p=se(pval=w$p)))
delta <- function(f, x, v, ...) as.numeric(conv.delta(yi=x, vi=v, transf=f, ...)$vi)

# --- transformations ---
x <- c(-3,-1.2,-.4,-.01,0,.2,.75,1.5,4); p <- c(.001,.05,.3,.5,.77,.999); r <- c(-.99,-.3,0,.45,.9)
transf <- list(
  values=list(x=x, p=p, r=r, alpha=c(-.5,0,.4,.9,.99), n1=30, n2=45, pc=.2, n=50, sd=12.5),
  ztor=transf.ztor(x), rtoz=transf.rtoz(r), logit=transf.logit(p), ilogit=transf.ilogit(x), arcsin=transf.arcsin(p),
  iarcsin=transf.iarcsin(transf.arcsin(p)), abt=transf.abt(c(-.5,0,.4,.9,.99)), ahw=transf.ahw(c(-.5,0,.4,.9,.99)),
  iabt=transf.iabt(x), iahw=transf.iahw(c(-.1,0,.2,.6,.9)), dtocles=transf.dtocles(x), dtobesd=transf.dtobesd(x),
  dtou1=transf.dtou1(x), dtou2=transf.dtou2(x), dtou3=transf.dtou3(x), dtorpb=transf.dtorpb(x),
  dtorpb_n=transf.dtorpb(x, n1i=rep(30,length(x)), n2i=rep(45,length(x))), lnortord=transf.lnortord(x, pc=rep(.2,length(x))), lnortorr=transf.lnortorr(x, pc=rep(.2,length(x))),
  pft=transf.pft(p, ni=rep(50,length(p))), ipft=transf.ipft(transf.pft(p, ni=rep(50,length(p))), ni=rep(50,length(p))), dtomd=transf.dtomd(x, targs=list(sd=12.5)),
  exp_int=sapply(x, transf.exp.int, targs=list(tau2=.3)), ztor_int=sapply(x, transf.ztor.int, targs=list(tau2=.3)),
  ilogit_int=sapply(x, transf.ilogit.int, targs=list(tau2=.3)),
  probit=transf.probit(p), iprobit=transf.iprobit(x), r2toz=transf.r2toz(c(.1,.5,.9)), ztor2=transf.ztor2(x), irft=transf.irft(p, ti=rep(50,length(p))),
  iirft=transf.iirft(transf.irft(p, ti=rep(50,length(p))), ti=rep(50,length(p))), dtoovl=transf.dtoovl(x), dtocliffd=transf.dtocliffd(x), clestod=transf.clestod(p),
  dtorbis=transf.dtorbis(x, n1i=rep(30,length(x)), n2i=rep(45,length(x))), rpbtorbis=transf.rpbtorbis(c(-.6,-.3,0,.45,.6), pi=.3), rtorpb=transf.rtorpb(r, pi=.3),
  rpbtod=transf.rpbtod(r, n1i=rep(30,length(r)), n2i=rep(45,length(r))), rtod=transf.rtod(r, n1i=rep(30,length(r)), n2i=rep(45,length(r))),
  lnortod_norm=transf.lnortod.norm(x), lnortod_logis=transf.lnortod.logis(x), dtolnor_norm=transf.dtolnor.norm(x), dtolnor_logis=transf.dtolnor.logis(x),
  lnortortet_pearson=transf.lnortortet.pearson(x), lnortortet_digby=transf.lnortortet.digby(x),
  delta_ztor=delta(transf.ztor, x, rep(.04,length(x))), delta_ilogit=delta(transf.ilogit, x, rep(.04,length(x))),
  delta_dtocles=delta(transf.dtocles, x, rep(.04,length(x))), delta_iabt=delta(transf.iabt, x, rep(.04,length(x))))
write_json(list(made_by=paste("metafor", packageVersion("metafor"), R.version.string), tables=tables, cases=cases, from=from, margins=margins,
                fivenum=fivenum, wald=wald, transf=transf),
           "escalc_metafor.json", digits=17, na="null", auto_unbox=TRUE)
cat(length(cases), "cases,", 2*sum(lengths(lapply(cases, `[[`, "y"))), "numbers\n")
